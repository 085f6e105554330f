"""disclosure: schemas"""

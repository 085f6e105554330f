"""subjects: schemas"""

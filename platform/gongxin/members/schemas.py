"""members: schemas"""

"""access: schemas"""

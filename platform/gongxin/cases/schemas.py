"""cases: schemas"""

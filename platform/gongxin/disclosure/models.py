"""disclosure: models"""

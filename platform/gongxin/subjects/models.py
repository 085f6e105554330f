"""subjects: models"""

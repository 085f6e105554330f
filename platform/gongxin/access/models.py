"""access: models"""

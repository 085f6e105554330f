"""members: models"""

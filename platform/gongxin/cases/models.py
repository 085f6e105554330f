"""cases: models"""

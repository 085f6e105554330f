"""cases: service"""

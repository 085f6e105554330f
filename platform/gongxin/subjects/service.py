"""subjects: service"""

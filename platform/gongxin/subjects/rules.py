"""subjects: rules"""

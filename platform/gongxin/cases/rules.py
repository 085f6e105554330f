"""cases: rules"""

"""cases: queries"""

"""subjects: queries"""

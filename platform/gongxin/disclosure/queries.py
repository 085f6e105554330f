"""disclosure: queries"""

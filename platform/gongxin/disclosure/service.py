"""disclosure: service"""

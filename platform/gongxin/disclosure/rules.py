"""disclosure: rules"""

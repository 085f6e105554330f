"""members: rules"""

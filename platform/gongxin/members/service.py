"""members: service"""

"""members: queries"""

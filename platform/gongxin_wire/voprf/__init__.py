"""RFC 9497, ciphersuite ristretto255-SHA512, modes OPRF and VOPRF."""

"""What JOSE needs of cryptography: public keys as JWKs, signature forms, tokens made and checked; pure."""

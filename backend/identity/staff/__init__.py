"""Staff (工作人员): accounts with roles and a scope, sign-in by password and TOTP, sessions of their own."""

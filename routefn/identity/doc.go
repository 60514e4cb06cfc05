// Package identity finds out which user calls, and returns the user's account.
//
//   - A client sends a token (token.go), or at its login a name and a password (login.go,
//     password.go). The store checks whether a token is still valid, in the first
//     operation of the request. See [PassOf] and record.WithPass.
//   - If another system knows the users, they log in by its tokens (foreign.go, and
//     package jwt).
//   - Limits bound how often passwords are compared and accounts are made (limits.go).
//     The store counts. A queue decides which password is hashed next, so that no caller
//     keeps others waiting (turns.go).
//   - A node proves for each session that the session's ticket came to it (session.go).
//   - CIM's clients do not prove who they are, and are accepted in open mode only.
//
// After the store has lost an account, a request may still refer to it, by a token, a
// proof, or an id and a name. In open mode the account is then restored with its id
// (restore.go). In password mode the password is lost with the account, so nobody could
// log in to it.
//
// The package starts no goroutines.
package identity

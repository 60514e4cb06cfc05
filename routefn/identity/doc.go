// Package identity knows who calls and whose account that is.
//
//   - A client shows a token (token.go), or at its login a name and a password
//     (login.go, password.go). The store judges whether a token still counts, in the
//     first operation of the request: see [PassOf] and record.WithPass.
//   - If another system knows the users, they log in by its tokens (foreign.go, and
//     package jwt).
//   - Limits bound how often passwords are compared and accounts made (limits.go). The
//     store counts. Passwords are hashed in fair turns (turns.go).
//   - A node proves for each session that the session's ticket came to it (session.go).
//   - CIM's clients prove nothing and are believed in open mode only.
//
// After a loss of the store, an account is restored with its id (restore.go) if a
// token, a proof, or an id and a name refer to it. That happens in open mode only: the
// password is lost with the account, so in password mode nobody could log in to it.
//
// The package starts no goroutines.
package identity

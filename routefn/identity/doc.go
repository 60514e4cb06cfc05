// Package identity knows who calls and whose account that is.
//
//   - A client shows a token (token.go), or at its login a name and a password (login.go,
//     password.go). Whether a token still counts is judged by the store, together with the
//     first thing that is asked of it: see [PassOf] and record.WithPass.
//   - Passwords are compared, and accounts made, within limits (limits.go) that the store
//     counts, and hashed in fair turns (turns.go).
//   - A node proves for each session that the session's ticket came to it (session.go).
//   - CIM's clients prove nothing and are believed in open mode only.
//
// After a loss of the store, an account is restored with its id (restore.go) if a
// token, a proof, or an id and a name refer to it. That happens in open mode only,
// because a password is lost with its account.
//
// The package starts no goroutines.
package identity

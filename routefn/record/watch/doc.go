// Package watch notices that the store has lost data, and keeps the secret that all routes
// share, unless they are configured with one.
//
//	a loss is noticed by marks         compare; lua/mark.lua
//	the secret is kept, or put back    keyOp, take; lua/key.lua
//
// The keys are in the table of package record.
package watch

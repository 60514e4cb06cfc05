// Package watch notices that the store has lost data. It also keeps the secret that all
// routes share, unless they are configured with one.
//
//	a loss is noticed by marks         compare; lua/mark.lua
//	the secret is kept, or put back    ask, take; lua/key.lua
//	the secret is sealed (encrypted) vault.go; lua/seal.lua
//
// The keys are in the table of package record.
package watch

// Package watch notices that the store has lost data. If the configuration has no secret
// for all routes to share, the package also keeps one.
//
//	a loss is noticed by marks         compare; lua/mark.lua
//	the secret is kept, or put back    ask, take; lua/key.lua
//	the secret is sealed (encrypted) vault.go; lua/seal.lua
//
// The keys are in the table of package record.
package watch

// Package accounts keeps the accounts of users: their names, ids and credentials, and
// which accounts belong to users of other systems. It counts wrong passwords and
// registrations.
//
//	an account is found                account.go
//	an account is made                 register.go; for another system's user, subject.go
//	accounts are imported import.go
//	a credential is replaced           credential.go; lua/credential.lua
//	an account is erased               erase.go; lua/condemn.lua, release.lua
//	a wrong password is counted        try.go; lua/try.lua, tried.lua, count.lua
//
// Each account has an inbox. Logs makes it, which package record implements. The keys are
// in the table of package record.
package accounts

// Package check holds terraform/ against what must hold of it, on each commit and
// without a cloud:
//
//	format       terraform fmt
//	rules        types, descriptions, open ports, flags in templates: our own, on the HCL
//	validate     every module, root and example, with the stub provider
//	test         the modules' mocked tests, with the stub provider
//	start        what a node runs before its start, and a node with what that wrote
//	readme       the tables of variables and outputs are those of the code
//	costs        the numbers of COSTS.md are those of its formulas
//
// The stub serves the part of the real provider's schema that is used. It knows no
// rules about values, so what passes here may still be refused by AWS. The command
// real goes further, with the real provider and an emulator; it takes longer than a
// commit should.
//
// It is a module of its own, because the programs need nothing of what it needs.
// Most of what it reads is outside of that module, where Go's cache of test results
// does not look: run it with -count=1.
package check

// Package pin says which versions of others' programs terraform/ is checked with.
// schema/aws.json and NOTICE are of the same provider; a test holds them to it.
package pin

const (
	// Provider is the version of hashicorp/aws.
	Provider = "6.47.1"
	// ProviderModule is the provider as a Go program: the commit of that version. The
	// repository's tags are above v1 without its module path being so, which Go does
	// not accept.
	ProviderModule = "github.com/hashicorp/terraform-provider-aws@v1.60.1-0.20260602190131-5f2286d6d836"

	// Moto is the version of the emulator of AWS' API.
	Moto = "5.2.1"
	// CLI is the version of AWS' own command line, which reads back what was made.
	CLI = "1.46.3"
)

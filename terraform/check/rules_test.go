package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// block is one block of a file and where it stands.
type block struct {
	*hclsyntax.Block
	text string // of the file
}

// blocks returns the outermost blocks of all files of a module.
func blocks(t *testing.T, dir string) (all []block) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s (%v)", dir, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, diags := hclparse.NewParser().ParseHCL(text, path)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			all = append(all, block{b, string(text)})
		}
	}
	return all
}

// source returns the text of an argument; empty if there is none.
func (b block) source(name string) string {
	a := b.Body.Attributes[name]
	if a == nil {
		return ""
	}
	return b.slice(a.Expr.Range())
}

func (b block) slice(r hcl.Range) string { return b.text[r.Start.Byte:r.End.Byte] }

func (b block) name() string { return strings.Join(append([]string{b.Type}, b.Labels...), " ") }

func TestVariablesSayWhatTheyAre(t *testing.T) {
	units := regexp.MustCompile(`(?i)\b(number|seconds?|days?|GiB|MB|percent|ports?|requests a second|how many)\b`)
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			if b.Type != "variable" {
				continue
			}
			description, kind := b.source("description"), b.source("type")
			if !strings.HasSuffix(description, `."`) || kind == "" || kind == "any" {
				t.Errorf("%s: %s has type %q and description %s; want both, and a sentence", dir, b.name(), kind, description)
			}
			if strings.Contains(kind, "number") && !units.MatchString(description) {
				t.Errorf("%s: %s has no unit in its description", dir, b.name())
			}
			if b.source("default") != "null" && b.source("nullable") != "false" && !strings.Contains(description, "null") {
				t.Errorf("%s: %s neither is nullable = false nor says what null means", dir, b.name())
			}
		}
	}
}

func TestOutputsSayWhatTheyAre(t *testing.T) {
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			if b.Type == "output" && b.source("description") == "" {
				t.Errorf("%s: %s has no description", dir, b.name())
			}
		}
	}
}

func TestVersionsAreSaidAndProvidersOnlyByRoots(t *testing.T) {
	for _, dir := range modules(t) {
		said := false
		for _, b := range blocks(t, dir) {
			said = said || b.Type == "terraform" && b.source("required_version") != ""
			if b.Type == "provider" && strings.HasPrefix(dir, "modules/") {
				t.Errorf("%s configures a provider, which is the root's business", dir)
			}
		}
		if !said {
			t.Errorf("%s says no required_version", dir)
		}
	}
}

// Rules with a range of addresses are for clients, at their port, and for AWS' endpoints
// from the network itself. All other rules have a security group.
func TestOnlyClientsComeFromOutside(t *testing.T) {
	allowed := []string{
		"modules/node aws_vpc_security_group_ingress_rule clients local.clients",
		"modules/network aws_vpc_security_group_ingress_rule endpoints 443",
	}
	var found []string
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			if b.Type != "resource" {
				continue
			}
			if b.Labels[0] == "aws_security_group" && len(b.Body.Blocks) > 0 || b.Labels[0] == "aws_security_group_rule" {
				t.Errorf("%s: %s has rules inline; want a resource for each", dir, b.name())
			}
			if b.Labels[0] != "aws_vpc_security_group_ingress_rule" || b.source("referenced_security_group_id") != "" {
				continue
			}
			rule := strings.Join([]string{dir, b.Labels[0], b.Labels[1], b.source("from_port")}, " ")
			if b.source("from_port") != b.source("to_port") || !slices.Contains(allowed, rule) {
				t.Errorf("%s: %s lets addresses in at %s to %s", dir, b.name(), b.source("from_port"), b.source("to_port"))
			}
			found = append(found, rule)
		}
	}
	if len(found) != len(allowed) {
		t.Errorf("found %q, want %q", found, allowed)
	}
}

func TestGossipIsOpenOnTCPAndUDP(t *testing.T) {
	for _, b := range blocks(t, "modules/node") {
		if b.name() == "resource aws_vpc_security_group_ingress_rule gossip" {
			if got := b.source("for_each"); got != `toset(["tcp", "udp"])` || b.source("ip_protocol") != "each.value" {
				t.Errorf("gossip is open on %s", got)
			}
			return
		}
	}
	t.Error("modules/node has no rule for gossip")
}

// No value that terraform knows may be a secret: only names of secrets and
// write-only arguments.
func TestNoSecretIsKept(t *testing.T) {
	kept := []string{"passwords", "auth_token", "secret_string", "secret_binary", "password"}
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			for _, name := range kept {
				if b.Type == "resource" && b.source(name) != "" {
					t.Errorf("%s: %s has %s, which stands in the state", dir, b.name(), name)
				}
			}
		}
	}
}

// flagsOf returns the flags of a program of the main module.
func flagsOf(t *testing.T, folder string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", path, folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	out, _ := exec.Command(path, "-h").CombinedOutput() // exits with 2
	var flags []string
	for _, match := range regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(string(out), -1) {
		flags = append(flags, match[1])
	}
	return flags
}

func TestFlagsInTemplatesExist(t *testing.T) {
	server, route := flagsOf(t, "./node/cim-server"), flagsOf(t, "./routefn/cim-route")
	uses := []struct {
		file    string
		section string // regexp of the part with flags, its first group
		flag    string // regexp of a flag in it
		flags   []string
		least   int
	}{
		{"modules/node/start.sh.tftpl", `(?s)node\.conf <<CONF\n(.*?)\nCONF`, `(?m)^([a-z-]+) `, server, 14},
		{"modules/node/start.sh.tftpl", `(?s)CONF\n(advertise \$instance.*?)\nCONF`, `(?m)^([a-z-]+) `, server, 7},
		{"modules/node/start.sh.tftpl", `ExecStart=/usr/local/bin/cim-server (.*)`, `-([a-z-]+)`, server, 1},
		{"modules/node/main.tf", `find = (.*)`, `"-([a-z-]+)`, server, 2},
		{"modules/routefn/main.tf", `(?s)variables = merge(.*?)\n  \}\n`, `CIM_([A-Z_]+)`, route, 8},
		{"local/main.tf", `(?s)config  = <<-EOT\n(\s+listen .*?)EOT`, `(?m)^\s+(?:%\{if [^}]*\})?([a-z-]+) `, route, 6},
		{"local/main.tf", `(?s)cim-server"(.*?)\]`, `"-([a-z-]+)"`, server, 9},
	}
	for _, use := range uses {
		text, err := os.ReadFile(filepath.Join("..", use.file))
		if err != nil {
			t.Fatal(err)
		}
		section := regexp.MustCompile(use.section).FindStringSubmatch(string(text))
		if section == nil {
			t.Errorf("%s has nothing like %s", use.file, use.section)
			continue
		}
		found := regexp.MustCompile(use.flag).FindAllStringSubmatch(section[1], -1)
		if len(found) < use.least {
			t.Errorf("%s: found only %q, want at least %d flags", use.file, found, use.least)
		}
		for _, match := range found {
			name := strings.ReplaceAll(strings.ToLower(match[1]), "_", "-")
			if !slices.Contains(use.flags, name) {
				t.Errorf("%s uses -%s, which the program does not have", use.file, name)
			}
		}
	}
}

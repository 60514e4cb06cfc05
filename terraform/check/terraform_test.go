package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// modules are all folders of terraform/ with configurations.
func modules(t *testing.T) (dirs []string) {
	t.Helper()
	for _, pattern := range []string{"modules/*", "examples/*", "aws", "local", "local/process"} {
		found, err := filepath.Glob(filepath.Join("..", pattern, "main.tf"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no module in %s (%v)", pattern, err)
		}
		for _, path := range found {
			dir, err := filepath.Rel("..", filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, filepath.ToSlash(dir))
		}
	}
	return dirs
}

func TestFilesAreFormatted(t *testing.T) {
	out, err := exec.Command("terraform", "fmt", "-check", "-recursive", "-diff", "..").CombinedOutput()
	if err != nil {
		t.Errorf("terraform fmt would change (%v):\n%s", err, out)
	}
}

func TestEveryModuleIsValid(t *testing.T) {
	w := newWorkspace(t)
	for _, dir := range modules(t) {
		if dir == "modules/secrets" {
			continue // its ephemeral output is for a caller only: valid as part of aws and of examples/store
		}
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			w.terraform(t, dir, "init", "-input=false")
			if out := w.terraform(t, dir, "validate"); strings.Contains(out, "Warning") {
				t.Errorf("terraform validate warns:\n%s", out)
			}
		})
	}
}

func TestMockedTestsPass(t *testing.T) {
	w := newWorkspace(t)
	w.standIn(t, "modules/secrets")
	tested, err := filepath.Glob("../*/tests")
	more, err1 := filepath.Glob("../modules/*/tests")
	if tested = append(tested, more...); err != nil || err1 != nil || len(tested) < 6 {
		t.Fatalf("found only %v", tested)
	}
	for _, tests := range tested {
		dir, err := filepath.Rel("..", filepath.Dir(tests))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			t.Parallel()
			w.terraform(t, dir, "init", "-input=false")
			out := w.terraform(t, dir, "test")
			if !strings.Contains(out, "Success!") || strings.Contains(out, "Success! 0 passed") {
				t.Errorf("terraform test ran nothing:\n%s", out)
			}
		})
	}
}

// workspace is a copy of terraform/ whose provider is the stub.
type workspace struct {
	dir string
	env []string
}

func newWorkspace(t *testing.T) *workspace {
	w := &workspace{dir: t.TempDir()}
	if err := os.CopyFS(filepath.Join(w.dir, "terraform"), os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SHA256SUMS", "cim-server_linux_arm64.zip", "cim-route_linux_arm64.zip"} {
		w.write(t, filepath.Join("dist", name), "stands for what make dist makes\n")
	}
	for _, name := range []string{"cim-server", "cim-route", "cim"} {
		w.write(t, filepath.Join("bin", name), "stands for what make build makes\n")
	}
	mirror := filepath.Join(w.dir, "mirror")
	path := filepath.Join(mirror, "registry.terraform.io/hashicorp/aws/6.47.1", runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-aws_v6.47.1")
	if out, err := exec.Command("go", "build", "-o", path, "./stub").CombinedOutput(); err != nil {
		t.Fatalf("build the stub: %v\n%s", err, out)
	}
	w.write(t, "terraformrc", fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror))
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(w.dir, "terraformrc"),
		"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	return w
}

// standIn replaces a module that mocks cannot do by one of testdata with the same
// variables and outputs.
func (w *workspace) standIn(t *testing.T, module string) {
	t.Helper()
	to := filepath.Join(w.dir, "terraform", module)
	for _, name := range []string{"main.tf", "outputs.tf"} {
		if err := os.Remove(filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(to, os.DirFS(filepath.Join("testdata", filepath.Base(module)))); err != nil {
		t.Fatal(err)
	}
}

func (w *workspace) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// terraform runs a command in a module and returns what it prints.
func (w *workspace) terraform(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("terraform", append(args, "-no-color")...)
	cmd.Dir, cmd.Env = filepath.Join(w.dir, "terraform", dir), w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform %s in %s: %v\n%s", strings.Join(args, " "), dir, err, out)
	}
	return string(out)
}

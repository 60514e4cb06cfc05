package local_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is a copy of this folder, with a state of its own.
type root struct {
	t    *testing.T
	dir  string
	data string
	bin  string
	env  []string
}

// newRoot returns a root whose cluster is destroyed when the test ends.
func newRoot(t *testing.T) *root {
	r := &root{t: t, dir: t.TempDir(), bin: programs(t)}
	r.data = filepath.Join(r.dir, "data")
	if err := os.CopyFS(r.dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	p := freePorts(t)
	vars := fmt.Sprintf("data_dir = %q\nbin_dir = %q\nzookeeper = true\ndrain_timeout = 20\n"+
		"ports = { clients = %d, http = %d, gossip = %d, route = %d, redis = %d, zookeeper = %d, internal = %d }\nlimits = \"off\"\nidentities = true\n",
		r.data, r.bin, p, p+10, p+20, p+30, p+31, p+32, p+33)
	if err := os.WriteFile(filepath.Join(r.dir, "terraform.tfvars"), []byte(vars), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	r.terraform("init", "-input=false")
	t.Cleanup(func() {
		if len(r.pids()) > 0 { // the test ended before its own destroy
			_, _ = r.run("destroy", "-auto-approve")
		}
	})
	return r
}

// terraform runs a command that must succeed and returns what it prints.
func (r *root) terraform(args ...string) string {
	r.t.Helper()
	out, err := r.run(args...)
	if err != nil {
		r.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r *root) run(args ...string) (string, error) {
	if args[0] != "output" {
		args = append(args, "-no-color")
	}
	cmd := exec.Command("terraform", args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// members returns what `cim ring` prints.
func (r *root) members(route string) string {
	out, _ := exec.Command(filepath.Join(r.bin, "cim"), "ring", "-route", route).CombinedOutput() // asked again
	return string(out)
}

// pids returns the processes that the root has started and not stopped.
func (r *root) pids() (pids []int) {
	files, err := filepath.Glob(filepath.Join(r.data, "*.pid"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		pid, err := strconv.Atoi(first)
		if err != nil {
			r.t.Fatalf("%s: %v", file, err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// runs reports whether there is such a process, and not only its exit status that
// nobody has asked for.
func runs(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(out), "Z")
}

// wantNoSecrets checks that no secret is in the state, and that its file is for
// its owner only.
func (r *root) wantNoSecrets() {
	r.t.Helper()
	state, err := os.ReadFile(filepath.Join(r.dir, "terraform.tfstate"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []string{"cluster.key", "redis.password", "keys/operator.key", "keys/node-1.pem", "keys/node-2.pem", "keys/route.pem"} {
		path := filepath.Join(r.data, name)
		secret, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		line := strings.TrimSpace(string(secret))
		if text, ok := strings.CutPrefix(line, "-----BEGIN "); ok { // the secret is in the second line
			line = strings.Split(text, "\n")[1]
		}
		if len(secret) < 32 || strings.Contains(string(state), line) {
			r.t.Errorf("%s has %d bytes or stands in the state", name, len(secret))
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			r.t.Errorf("%s has mode %v (%v), want 0600", name, info.Mode(), err)
		}
	}
}

// programs builds what the cluster consists of, once.
func programs(t *testing.T) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

var bin string // of TestMain

var build = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "build", "-o", bin, "../../node/cim-server", "../../routefn/cim-route", "../../client/cim").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cim-terraform-")
	if err != nil {
		panic(err)
	}
	bin = dir + "/"
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// freePorts returns the first of 40 ports that are free now, below those that the
// system gives to others.
func freePorts(t *testing.T) int {
	t.Helper()
	for first := 20000 + os.Getpid()%200*40; first < 32000; first += 40 {
		if allFree(first, 40) {
			return first
		}
	}
	t.Fatal("no 40 ports in a row are free")
	return 0
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// machine is what a node's script finds on its machine, played in a folder of this one.
type machine struct {
	dir string
	env []string // with a PATH where aws is
}

// Instance and its names in the zone, as the script is to make them.
const (
	instance = "i-0123456789abcdef0"
	outside  = instance + "." + domain
	inside   = instance + "-internal." + domain
)

// install writes what the script of a node would write outside of systemd, with paths
// below the folder. Other programs take the place of those that need EC2 or a user cim.
func (m machine) install(script string) error {
	for _, name := range []string{"bin", "run", "data"} {
		if err := os.MkdirAll(filepath.Join(m.dir, name), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		"bin/chown": "#!/bin/bash\n",
		"bin/curl": `#!/bin/bash
case "${!#}" in
*/instance-id) echo ` + instance + ` ;;
*-ipv4) echo 127.0.0.1 ;;
*/availability-zone) echo ` + region + `a ;;
*/token) echo of-the-instance ;;
*) exit 22 ;;
esac
`,
	}
	for path, text := range documents(script) {
		if name, ok := strings.CutPrefix(path, "/usr/local/"); ok {
			files["bin/"+filepath.Base(name)] = m.moved(text)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// moved is a text with the paths of a node's machine below the folder.
func (m machine) moved(text string) string {
	return strings.NewReplacer(
		"/usr/local/bin/", m.dir+"/bin/", "/usr/local/lib/", m.dir+"/bin/",
		"/run/cim", m.dir+"/run", "/var/lib/cim", m.dir+"/data",
	).Replace(text)
}

// prepare runs what systemd runs before the node.
func (m machine) prepare(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "bash", filepath.Join(m.dir, "bin/cim-prepare"))
	cmd.Env = append(m.env, "PATH="+filepath.Join(m.dir, "bin")+":"+pathOf(m.env))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cim-prepare: %w\n%s", err, out)
	}
	return nil
}

func pathOf(env []string) (path string) {
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value // the last one counts
		}
	}
	return path
}

// start starts the program with the configuration that prepare wrote, but on loopback and
// without others, and calls it as clients and routes do.
func (m machine) start(ctx context.Context, program string, trusted []byte) error {
	internal, err1 := freeAddress()
	gossip, err2 := freeAddress()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	p, err := launch(ctx, m.dir, m.env, program, func(port string) []string {
		return []string{
			"-config", filepath.Join(m.dir, "run/node.conf"), "-bootstrap", "-advertise", "127.0.0.1",
			"-listen", "127.0.0.1:" + port, "-http", internal, "-gossip", gossip,
		}
	})
	if err != nil {
		return err
	}
	defer p.Stop()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	// At the port of clients there is nothing but their connections.
	for _, at := range []struct {
		address, name string
		status        int
	}{{p.addr, outside, http.StatusNotFound}, {internal, inside, http.StatusOK}} {
		if err := secure(ctx, at.address, at.status, &tls.Config{ServerName: at.name, RootCAs: roots}); err != nil {
			return fmt.Errorf("%w; it printed into %s", err, p.log)
		}
	}
	return nil
}

// secure asks a server whether it is healthy: under TLS, which must have an answer of that
// status, and without, which must be refused.
func secure(ctx context.Context, address string, status int, config *tls.Config) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	for _, q := range []struct {
		scheme string
		status int
		says   string
	}{{"https", status, ""}, {"http", http.StatusForbidden, "-tls-only"}} {
		r, err := http.NewRequestWithContext(ctx, "GET", q.scheme+"://"+address+"/healthz", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		if answer.StatusCode != q.status || !strings.Contains(string(text), q.says) {
			return fmt.Errorf("%s answered %s and %q, want %d and %q", r.URL, answer.Status, text, q.status, q.says)
		}
	}
	return nil
}

// nodeStarts has the script that a node is given read its secrets and make its names in
// the emulated AWS, and starts the node that was built.
func nodeStarts(ctx context.Context, d *deployment) error {
	scripts, err := d.startScripts(ctx)
	if err != nil {
		return err
	}
	m := machine{dir: filepath.Join(d.work.Dir, "machine"), env: d.cloud.Env(os.Environ())}
	m.env = append(m.env, "PATH="+filepath.Dir(d.cloud.aws)+":"+os.Getenv("PATH"))
	if err := errors.Join(m.install(scripts[nodeScript+"cim"]), m.prepare(ctx)); err != nil {
		return err
	}
	if err := d.named(ctx); err != nil {
		return err
	}
	program := filepath.Join(m.dir, "bin/cim-server")
	archive := filepath.Join(d.work.Dir, "dist/cim-server_linux_"+runtime.GOARCH+".zip")
	if err := unpack(archive, "cim-server", program); err != nil {
		return err
	}
	return m.start(ctx, program, d.cloud.authority.PEM())
}

// named asks whether the zone has the names of the node that was prepared and of the
// balancer, and nothing else of ours.
func (d *deployment) named(ctx context.Context) error {
	var zones struct{ HostedZones []struct{ ID string } }
	if err := d.cloud.ask(ctx, &zones, "route53", "list-hosted-zones"); err != nil {
		return err
	}
	var records struct {
		ResourceRecordSets []struct {
			Name, Type      string
			AliasTarget     struct{ DNSName string }
			ResourceRecords []struct{ Value string }
		}
	}
	if err := d.cloud.ask(ctx, &records, "route53", "list-resource-record-sets", "--hosted-zone-id", zones.HostedZones[0].ID); err != nil {
		return err
	}
	var found []string
	for _, r := range records.ResourceRecordSets {
		if r.Type != "A" {
			continue
		}
		line := strings.TrimSuffix(r.Name, ".") + " " + strings.TrimSuffix(r.AliasTarget.DNSName, ".")
		for _, record := range r.ResourceRecords {
			line += record.Value
		}
		found = append(found, line)
	}
	return same([]string{
		outside + " 127.0.0.1", inside + " 127.0.0.1", "cim-seed." + domain + " " + d.state.one("aws_lb", "dns_name"),
	}, found)
}

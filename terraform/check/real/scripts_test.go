package main

import "testing"

const outer = `#!/bin/bash
cat >/usr/local/bin/good <<'EOF'
#!/bin/bash
cat >somewhere <<CONF
x
CONF
EOF

cat >/etc/settings <<'EOF'
no script (
EOF
cat >/usr/local/bin/bad <<'EOF'
#!/bin/bash
if true; then
EOF
`

func TestScriptsInScriptsAreRead(t *testing.T) {
	if err := readable(t.Context(), "outer", outer); err != nil {
		t.Errorf("to bash what a script writes is text: %v", err)
	}
	all := written(outer)
	if len(all) != 2 {
		t.Errorf("found %q, want good and bad", all)
	}
	for path, fails := range map[string]bool{"/usr/local/bin/good": false, "/usr/local/bin/bad": true} {
		if err := readable(t.Context(), path, all[path]); all[path] == "" || (err != nil) != fails {
			t.Errorf("%s: %q: %v", path, all[path], err)
		}
	}
}

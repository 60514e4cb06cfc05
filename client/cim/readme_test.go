//go:build netns

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Commands of an earlier README stay valid. The script has them.
func TestCommandsOfAnEarlierREADMEStillWork(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/readme/6d5d646.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Dir(program), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "bash", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
		logs, _ := filepath.Glob(filepath.Join(dir, "*.out"))
		for _, log := range logs {
			b, _ := os.ReadFile(log)
			t.Logf("%s:\n%s", filepath.Base(log), b[max(0, len(b)-4000):])
		}
	}
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// client is one that comes by the proxy and trusts the authority.
func client(t *testing.T) (*http.Client, *proxy) {
	t.Helper()
	emulator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.Host+r.URL.String())
	}))
	t.Cleanup(emulator.Close)
	a, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProxy(a, emulator.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	way, err := url.Parse(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(a.PEM())
	transport := &http.Transport{Proxy: http.ProxyURL(way), TLSClientConfig: &tls.Config{RootCAs: trusted}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, p
}

func TestProxyHandsTheNameOn(t *testing.T) {
	c, p := client(t)
	for _, host := range []string{"ec2.eu-central-1.amazonaws.com", "cim-artifacts-1.s3.eu-central-1.amazonaws.com"} {
		answer, err := c.Get("https://" + host + "/a/b?c=d")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want := "GET " + host + "/a/b?c=d"; err != nil || string(body) != want {
			t.Errorf("the emulator got %q (%v), want %q", body, err, want)
		}
	}
	if n := p.Calls.Load(); n != 2 {
		t.Errorf("counted %d calls, want 2", n)
	}
}

func TestProxyLeadsNowhereElse(t *testing.T) {
	c, p := client(t)
	for _, address := range []string{"https://registry.terraform.io/", "https://amazonaws.com.example/", "https://ec2.eu-central-1.amazonaws.com:22/", "http://ec2.eu-central-1.amazonaws.com/"} {
		answer, err := c.Get(address)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusForbidden {
				continue
			}
			t.Errorf("%s answered %s", address, answer.Status)
		} else if !strings.Contains(err.Error(), "Forbidden") {
			t.Errorf("%s: %v, want Forbidden", address, err)
		}
	}
	if n := p.Calls.Load(); n != 0 {
		t.Errorf("handed on %d calls", n)
	}
}

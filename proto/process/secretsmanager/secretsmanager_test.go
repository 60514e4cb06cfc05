package secretsmanager

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cim/cluster-key-AbCdEf"

// The requests and signatures are get-vanilla and post-vanilla of AWS' published
// test suite.
func TestSignatureIsTheOneOfTheSuite(t *testing.T) {
	keys := credentials{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	now := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for method, want := range map[string]string{
		http.MethodGet:  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		http.MethodPost: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	} {
		r, err := http.NewRequest(method, "https://example.amazonaws.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(r, nil, keys, "us-east-1", "service", now)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+want) {
			t.Errorf("%s: Authorization is %q, want signature %s", method, got, want)
		}
	}
}

func TestSecretIsReadWithTheRolesCredentials(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), arn) || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" ||
			r.Header.Get("X-Amz-Security-Token") != "session" || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/secretsmanager/") {
			t.Errorf("request is %v %s (%v)", r.Header, body, err)
		}
		_, _ = io.WriteString(w, `{"SecretString": "correct horse battery"}`)
	}))
	defer server.Close()
	environment(t, server.URL)
	got, err := Read(t.Context(), arn)
	if err != nil || got != "correct horse battery" {
		t.Errorf("Read: %q, %v", got, err)
	}
}

func TestRefusalSaysWhy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type": "AccessDeniedException", "message": "not yours"}`)
	}))
	defer server.Close()
	environment(t, server.URL)
	if _, err := Read(t.Context(), arn); err == nil || !strings.Contains(err.Error(), "AccessDeniedException not yours") {
		t.Errorf("Read: %v, want AWS' reason", err)
	}
	for _, bad := range []string{"", "cim/cluster-key", "arn:aws:s3:::bucket"} {
		if _, err := Read(t.Context(), bad); err == nil {
			t.Errorf("Read(%q): want an error", bad)
		}
	}
}

func environment(t *testing.T, endpoint string) {
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
}

package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"govtl/bus"
)

// unpack returns the files of a support bundle.
func unpack(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "vtl-support/")] = string(data)
	}
}

// TestSupportBundleHasNoSecrets puts secrets wherever a site may have them, runs
// the suite on a bus with a password, and looks for them in every file.
func TestSupportBundleHasNoSecrets(t *testing.T) {
	dir := t.TempDir()
	srv, err := bus.StartServer(bus.ServerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	access, err := bus.ReadAccess(dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{"CHAP-secret&of<one", `CHAP"secret\of-two`, "an-old-CHAP-secret", "a password in a comment", "model-token-0815", access.Secret}
	u := newUps(t, fmt.Sprintf("# password: %s\n# once it was %s\n", secrets[3], secrets[2])+oneDrive+
		"bus:\n  url: nats://"+access.User+":"+access.Secret+"@"+strings.TrimPrefix(access.URL, "nats://")+
		"\niscsi: {chap: true, secrets: secrets}\n")
	write(t, filepath.Join(u.dir, "secrets"), fmt.Sprintf("# who may log in\ninitiator iqn.one %s\ninitiator iqn.two %s *\n#initiator iqn.three %s\n", secrets[0], secrets[1], secrets[2]), 0o600)
	write(t, filepath.Join(u.dir, "models", "mine.txt"), secrets[4], 0o600)
	u.start()
	u.do("11", "load", "VTL001L9")
	for u.do("events", "VTL001L9") == "" { // kept without anybody waiting for it
	}
	name := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if got := u.do("support-bundle", name); got != name+"\n" {
		t.Errorf("printed %q", got)
	}
	fi, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	files := unpack(t, name)
	for file, text := range files {
		for _, s := range secrets {
			quoted, _ := json.Marshal(s)
			if strings.Contains(text, s) || strings.Contains(text, strings.Trim(string(quoted), `"`)) {
				t.Errorf("%s has %q", file, s)
			}
		}
	}
	for file, want := range map[string][]string{
		"ABOUT":             {"Secrets are removed"},
		"versions.txt":      {"vtlcmd ", "Linux version"},
		"vtl.yaml":          {"model: ibm-03584\n", "url: nats://(removed)@127.0.0.1:", "# password: (removed)\n", "once it was (removed)", "secrets: secrets"},
		"status.json":       {`"barcode": "VTL001L9"`, `"product": "ULT3580-TD9`},
		"doctor.json":       {`"about": "message bus"`},
		"daemons.json":      {`"target-status"`},
		"metrics.json":      {`"drive 11": {`, `"library": {`},
		"inventory-10.json": {`"VTL002L9"`},
		"loads-11.json":     {`"what": "loaded"`},
		"cartridges.json":   {`"barcode": "VTL002L9"`, `"medium": "LTO9"`},
		"state.txt":         {"VTL002L9/data"},
		"events.txt":        {" library 10: moved VTL001L9 from slot 1 to drive 1, asked by operator\n"},
	} {
		for _, w := range want {
			if !strings.Contains(files[file], w) {
				t.Errorf("%s has no %s:\n%.2000s", file, w, files[file])
			}
		}
		if strings.HasSuffix(file, ".json") && !json.Valid([]byte(files[file])) {
			t.Errorf("%s is no JSON", file)
		}
	}

	// It never overwrites.
	was, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := u.command("support-bundle", name).CombinedOutput()
	is, rerr := os.ReadFile(name)
	if err == nil || rerr != nil || !slices.Equal(was, is) || !strings.Contains(string(out), "error: "+name+" is there already\nhint: ") {
		t.Errorf("again: %v, %v\n%s", err, rerr, out)
	}
}

// TestSupportBundleOfAnUnwellSuite: there is a bundle also of a suite that does
// not run and whose configuration is refused.
func TestSupportBundleOfAnUnwellSuite(t *testing.T) {
	u := newUps(t, oneDrive+"colour: blue\nbus: {url: \"nats://me:open%2Fsesame/x@192.0.2.1:4222\"}\n")
	name := filepath.Join(t.TempDir(), "bundle.tar.gz")
	u.do("support-bundle", name)
	files := unpack(t, name)
	if text := files["vtl.yaml"]; !strings.Contains(text, "colour: blue\n") || strings.Contains(text, "sesame") {
		t.Errorf("vtl.yaml:\n%s", text)
	}
	if text := files["ABOUT"]; !strings.Contains(text, "Not in it:\n- configuration: ") || !strings.Contains(text, "unknown key colour") {
		t.Errorf("ABOUT:\n%s", text)
	}
	if text := files["doctor.json"]; !strings.Contains(text, "unknown key colour") {
		t.Errorf("doctor:\n%s", text)
	}
	if _, err := u.command("support-bundle", filepath.Join(u.dir, "no", "such", "directory")).CombinedOutput(); err == nil {
		t.Error("written into a directory that is not there")
	}
}

func TestScrubber(t *testing.T) {
	s := newScrubber(&app{})
	s.chap("initiator a short\ntarget b 0x6c6f6e6765722d736563726574 \n# initiator and target are words of prose\ninitiator c\n")
	s.credentials("-----BEGIN NATS USER JWT-----\neyJ0eXAiOiJKV1QifQ.x.y\n------END NATS USER JWT------\n\n************************* IMPORTANT *************************\n")
	for _, tc := range []struct{ text, want string }{
		{"short and longer-secret, 6c6f6e6765722d736563726574", "(removed) and (removed), (removed)"},
		{"the words initiator, target and prose stay", "the words initiator, target and prose stay"},
		{"token eyJ0eXAiOiJKV1QifQ.x.y here", "token (removed) here"},
		{"nats://u:p@h:1 and https://h/p", "nats://(removed)@h:1 and https://h/p"},
		{`{"password": "a,b}", "x": 1}`, `{"password": "(removed)", "x": 1}`},
		{"secrets: /etc/vtl/secrets", "secrets: /etc/vtl/secrets"},
		{"PASSWORD=of many words\nnext", "PASSWORD=(removed)\nnext"},
		{"-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----(removed)-----END PRIVATE KEY-----"},
	} {
		if got := s.text(tc.text); got != tc.want {
			t.Errorf("%q became %q, want %q", tc.text, got, tc.want)
		}
	}
}

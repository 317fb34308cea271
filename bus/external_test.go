package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"govtl/bus"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// external starts a NATS server that is not ours, and returns host:port.
func external(t *testing.T, o *server.Options) string {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s.Addr().String()
}

// certificate makes a self-signed certificate for 127.0.0.1 and its PEM file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bus"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// works calls over an external server with two connections of the same options.
func works(t *testing.T, o bus.ConnectOptions) {
	t.Helper()
	serveState(t, connect(t, o))
	askUntilAnswered(t, connect(t, o))
}

func TestExternalServerWithPassword(t *testing.T) {
	at := external(t, &server.Options{Username: "site", Password: "open"})
	works(t, bus.ConnectOptions{URL: "nats://site:open@" + at})
}

func TestExternalServerWithTLS(t *testing.T) {
	cert, ca := certificate(t)
	at := external(t, &server.Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, TLSTimeout: 5})
	works(t, bus.ConnectOptions{URL: "tls://" + at, CA: ca})

	// A server that somebody else vouches for is not the one.
	_, other := certificate(t)
	c, err := bus.Connect(bus.ConnectOptions{URL: "tls://" + at, CA: other})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.WaitConnected(ctx); !errors.Is(err, bus.ErrAbsent) || !strings.Contains(err.Error(), "x509") {
		t.Errorf("got %v", err)
	}
}

// TestExternalServerWithCredentials uses what a site with accounts hands out: a
// file with a user's JWT and seed.
func TestExternalServerWithCredentials(t *testing.T) {
	operator, account, user := key(t, nkeys.CreateOperator), key(t, nkeys.CreateAccount), key(t, nkeys.CreateUser)
	oc := jwt.NewOperatorClaims(public(t, operator))
	if _, err := oc.Encode(operator); err != nil {
		t.Fatal(err)
	}
	ac, err := jwt.NewAccountClaims(public(t, account)).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	uc, err := jwt.NewUserClaims(public(t, user)).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(uc, seed)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "vtl.creds")
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(public(t, account), ac); err != nil {
		t.Fatal(err)
	}
	at := external(t, &server.Options{TrustedOperators: []*jwt.OperatorClaims{oc}, AccountResolver: resolver})
	works(t, bus.ConnectOptions{URL: "nats://" + at, Credentials: file})

	c, err := bus.Connect(bus.ConnectOptions{URL: "nats://" + at})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.WaitConnected(ctx); !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("without credentials: %v", err)
	}
}

func key(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	k, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t *testing.T, k nkeys.KeyPair) string {
	t.Helper()
	s, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMissingFilesAreToldAtOnce(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, o := range []bus.ConnectOptions{
		{URL: "nats://127.0.0.1:1", Credentials: missing},
		{URL: "tls://127.0.0.1:1", CA: missing},
		{},
	} {
		if c, err := bus.Connect(o); err == nil {
			c.Close()
			t.Errorf("%+v: accepted", o)
		}
	}
}

func TestExternalServerThatComesBack(t *testing.T) {
	first, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	first.Start()
	if !first.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not start")
	}
	addr, ok := first.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(first.Addr())
	}
	o := bus.ConnectOptions{URL: "nats://" + addr.String()}
	daemon := connect(t, o)
	ups := make(chan struct{}, 8)
	daemon.OnConnect(func() { ups <- struct{}{} })
	<-ups
	serveState(t, daemon)
	operator := connect(t, o)
	askUntilAnswered(t, operator)
	first.Shutdown()
	first.WaitForShutdown()
	external(t, &server.Options{Port: addr.Port})
	<-ups
	askUntilAnswered(t, operator)
}

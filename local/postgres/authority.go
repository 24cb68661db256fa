package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

// authority signs the servers' certificates, in the place of the Amazon RDS root certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

const validity = 7 * 24 * time.Hour // longer than any run

func newAuthority() (*authority, error) {
	a := &authority{certificate: &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Amazon RDS local CA"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("make CA: %w", err)
	}
	if a.pem, err = a.sign(a.certificate, &a.key.PublicKey); err != nil {
		return nil, fmt.Errorf("make CA: %w", err)
	}
	return a, nil
}

func (a *authority) sign(certificate *x509.Certificate, key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, key, a.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// issue makes a certificate for a server's names, and its key.
func (a *authority) issue(names []string) (certificate, key []byte, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	certificate, err = a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: names[0][:min(len(names[0]), longestCommonName)]},
		DNSNames:     names,
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     a.certificate.NotAfter,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &secret.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		return nil, nil, err
	}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// longestCommonName is X.509's (ub-common-name of RFC 5280): the endpoint of a long identifier is longer.
const longestCommonName = 64

// write issues a certificate for a server's names and writes it, and its key, to files.
func (a *authority) write(names []string, certificateFile, keyFile string) error {
	certificate, key, err := a.issue(names)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certificateFile, certificate, 0o644); err != nil {
		return err
	}
	return os.WriteFile(keyFile, key, 0o600) // PostgreSQL refuses a key that others may read
}

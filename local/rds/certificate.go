package rds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// certificateAuthority is the default of new instances (AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html).
const certificateAuthority = "rds-ca-rsa2048-g1"

var certificateAuthorityValidTill = time.Date(2061, 5, 26, 0, 0, 0, 0, time.UTC)

func (s *Service) describeCertificates(_ context.Context, in *rds.DescribeCertificatesInput) (*rds.DescribeCertificatesOutput, error) {
	if id := aws.ToString(in.CertificateIdentifier); id != "" && id != certificateAuthority {
		return nil, notFound("CertificateNotFound", "Certificate not found: %s", id)
	}
	return &rds.DescribeCertificatesOutput{
		DefaultCertificateForNewLaunches: aws.String(certificateAuthority),
		Certificates: []types.Certificate{{
			CertificateIdentifier: aws.String(certificateAuthority), CertificateType: aws.String("CA"),
			CertificateArn: aws.String("arn:aws:rds:" + s.world.Region + "::cert:" + certificateAuthority),
			ValidTill:      aws.Time(certificateAuthorityValidTill), CustomerOverride: aws.Bool(false),
		}},
	}, nil
}

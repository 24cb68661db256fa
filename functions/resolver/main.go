// Command resolver answers, from inside a database's VPC, where a name points
// and who answers there. It calls no AWS API, so that it works in subnets
// without a NAT gateway or an interface endpoint.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/rdslink/rdslink/internal/resolve"
)

func main() {
	lambda.Start(answer)
}

func answer(ctx context.Context, r resolve.Request) (resolve.Answer, error) {
	return resolve.Run(ctx, r), nil
}

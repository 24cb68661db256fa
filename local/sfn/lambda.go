package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/model"
)

// invokeFunction calls a task's function and words result and failure as the lambda:invoke integration does.
func (s *Service) invokeFunction(ctx context.Context, e *execution, c call) answer {
	payload, functionError, err := s.invoke(ctx, e.roleARN, e.name, c.function, []byte(c.payload))
	switch {
	case err != nil:
		return answer{failed: refused(err)}
	case functionError != nil:
		return answer{failed: functionFailed(functionError)}
	}
	value, err := decode(payload)
	if err != nil {
		return answer{failed: failed("Lambda.Unknown", fmt.Sprintf("The function's answer is not JSON (%v): %s", err, payload))}
	}
	if len(payload) > maxBytes {
		return answer{failed: tooLarge("lambda")}
	}
	return answer{output: invocationResult(value, len(payload))}
}

// invocationResult has the shape of test_lambda_task_service.snapshot.json (test_invoke of 6 Nov 2025).
func invocationResult(payload any, length int) any {
	id := model.UUID()
	headers := map[string]string{
		"Connection":                     "keep-alive",
		"Content-Length":                 strconv.Itoa(length),
		"Content-Type":                   "application/json",
		"Date":                           time.Now().UTC().Format(http.TimeFormat),
		"X-Amz-Executed-Version":         "$LATEST",
		"x-amzn-Remapped-Content-Length": "0",
		"x-amzn-RequestId":               id,
	}
	one, all := map[string]any{}, map[string]any{}
	for name, value := range headers {
		one[name], all[name] = value, []any{value}
	}
	return map[string]any{
		"ExecutedVersion":     "$LATEST",
		"Payload":             payload,
		"SdkHttpMetadata":     map[string]any{"AllHttpHeaders": all, "HttpHeaders": one, "HttpStatusCode": jsonInt(http.StatusOK)},
		"SdkResponseMetadata": map[string]any{"RequestId": id},
		"StatusCode":          jsonInt(http.StatusOK),
	}
}

// functionFailed names a failure after the errorType that the function or its sandbox reported (Sandbox.Timedout,
// Runtime.ExitError); the whole document is the cause.
func functionFailed(document []byte) *failure {
	var reported struct{ ErrorType string }
	if err := json.Unmarshal(document, &reported); err != nil || reported.ErrorType == "" {
		return failed("Lambda.Unknown",
			"The cause could not be determined because Lambda did not return an error type. Returned payload: "+string(document))
	}
	return failed(reported.ErrorType, string(document))
}

// lambdaErrors are the errors in Lambda's service model for Invoke; a task sees them with "Lambda." in front. Other
// refusals, AccessDeniedException first of all, are Lambda.AWSLambdaException.
var lambdaErrors = map[string]bool{
	"EC2AccessDeniedException": true, "EC2ThrottledException": true, "EC2UnexpectedException": true,
	"EFSIOException": true, "EFSMountConnectivityException": true, "EFSMountFailureException": true, "EFSMountTimeoutException": true,
	"ENILimitReachedException": true, "InvalidParameterValueException": true, "InvalidRequestContentException": true,
	"InvalidRuntimeException": true, "InvalidSecurityGroupIDException": true, "InvalidSubnetIDException": true,
	"InvalidZipFileException":  true,
	"KMSAccessDeniedException": true, "KMSDisabledException": true, "KMSInvalidStateException": true, "KMSNotFoundException": true,
	"RecursiveInvocationException": true, "RequestTooLargeException": true, "ResourceConflictException": true,
	"ResourceNotFoundException": true, "ResourceNotReadyException": true, "ServiceException": true, "SnapStartException": true,
	"SnapStartNotReadyException": true, "SnapStartTimeoutException": true, "SubnetIPAddressLimitReachedException": true,
	"TooManyRequestsException": true, "UnsupportedMediaTypeException": true,
}

// refused words a refusal of the Lambda service as in test_task_service_lambda.snapshot.json
// (test_no_such_function of 25 Nov 2025).
func refused(err error) *failure {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return failed("Lambda.SdkClientException", err.Error())
	}
	name := "Lambda.AWSLambdaException"
	if lambdaErrors[api.ErrorCode()] {
		name = "Lambda." + api.ErrorCode()
	}
	status, id := http.StatusBadRequest, model.UUID()
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status, id = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	return failed(name, fmt.Sprintf("%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		api.ErrorMessage(), status, api.ErrorCode(), id))
}

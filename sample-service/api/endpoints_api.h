// The routes of endpoints. Each change needs the version that it is meant for (If-Match), so that two people who edit the
// same endpoint do not undo each other's work.
#pragma once

#include "sample-service/api/context.h"

namespace courier {

void create_endpoint(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void list_endpoints(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void get_endpoint(ApiContext& api, const CallPtr& call, sluice::http::ReplyPtr reply);
void patch_endpoint(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void delete_endpoint(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void rotate_secret(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void get_endpoint_stats(ApiContext& api, const CallPtr& call, sluice::http::ReplyPtr reply);

}  // namespace courier

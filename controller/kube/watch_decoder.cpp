#include "controller/kube/watch_decoder.h"

#include "controller/kube/object.h"
#include "controller/kube/status_error.h"

namespace sluice::kube {

Expected<bool> WatchDecoder::feed(std::string_view chunk, const OnWatchEvent& on_event) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view piece = chunk.substr(0, end);
    if (rest_.size() + piece.size() > max_line_)
      return fail(Error::Kind::Corrupt,
                  "watch of " + resource_.plural + ": an event is larger than " + std::to_string(max_line_) + " bytes");
    if (end == std::string_view::npos) {
      rest_ += piece;
      return true;
    }
    chunk.remove_prefix(end + 1);
    Expected<bool> more = true;
    if (rest_.empty()) {
      more = line(piece, on_event);  // the common case: no copy
    } else {
      rest_ += piece;
      more = line(rest_, on_event);
      rest_.clear();
      if (rest_.capacity() > 1024 * 1024) rest_.shrink_to_fit();
    }
    if (!more || !*more) return more;
  }
  return true;
}

Expected<bool> WatchDecoder::line(std::string_view text, const OnWatchEvent& on_event) const {
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  auto json = parse_json(text);
  if (!json) return fail("watch of " + resource_.plural, std::move(json.error()));
  const Json& type = at(*json, {"type"});
  if (!type.is_string() || !at(*json, {"object"}).is_object())
    return fail(Error::Kind::Corrupt, "watch of " + resource_.plural + ": not an event: \"" + std::string(text.substr(0, 80)) + "\"");
  const std::string& name = type.get_ref<const std::string&>();
  WatchEvent event;
  if (name == "ADDED") event.type = WatchEvent::Type::Added;
  else if (name == "MODIFIED") event.type = WatchEvent::Type::Modified;
  else if (name == "DELETED") event.type = WatchEvent::Type::Deleted;
  else if (name == "BOOKMARK") event.type = WatchEvent::Type::Bookmark;
  else if (name == "ERROR") return Unexpected(error_of_status((*json)["object"], 0, "watch of " + resource_.plural));
  else return true;  // a type of the future is none of ours
  event.object = std::move((*json)["object"]);
  if (event.type != WatchEvent::Type::Bookmark) normalise(event.object, resource_);
  return on_event(event);
}

}  // namespace sluice::kube

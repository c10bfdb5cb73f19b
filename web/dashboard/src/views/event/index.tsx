import { Empty } from "../../ui/messages";

export default function View() {
  return <Empty>Not built yet.</Empty>;
}

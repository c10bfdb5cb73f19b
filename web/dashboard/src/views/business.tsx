import { Empty } from "../ui/messages";

export default function View() {
  return (
    <>
      <h1>business</h1>
      <Empty>Not built yet.</Empty>
    </>
  );
}
